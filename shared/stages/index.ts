export { STAGES, formAfter, graphsOf, openStages, roundsOf, type OpenStages, type StagesOfLease } from './stages.ts'
export { type OpenStage, type SourceStage, type StagePolicy, type StagePorts, type StageSizes } from './stage.ts'

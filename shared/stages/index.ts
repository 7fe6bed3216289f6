export { STAGES, columnsAfter, openStages, roundsOf, type OpenStages } from './stages.ts'
export { type OpenStage, type SourceStage, type StagePolicy, type StagePorts, type StageSizes } from './stage.ts'

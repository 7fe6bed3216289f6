import type { Program, ProgramState } from '../program/index.ts'
import type { EngineSetting } from './engine.ts'

/** Everything a train worker is made of; plain data. */
export interface TrainSetting {
  readonly program: Program
  readonly engine: EngineSetting
  /** To go on from; without it the program begins with its initial weights. */
  readonly state?: ProgramState
}

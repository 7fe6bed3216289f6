import { readFileSync } from 'node:fs'

/** An episode recorded from Gymnasium: `states[t]`, `obs[t]` … are what `actions[t]` led to. */
export interface Episode {
  readonly name: string
  readonly initial_state: readonly number[]
  readonly initial_obs: readonly number[]
  readonly actions: readonly number[]
  readonly states: readonly (readonly number[])[]
  readonly obs: readonly (readonly number[])[]
  readonly rewards: readonly number[]
  readonly terminated: readonly number[]
  readonly truncated: readonly number[]
}

export function recorded(id: string): readonly Episode[] {
  return JSON.parse(readFileSync(new URL(`../../golden/envs/${id}.json`, import.meta.url), 'utf8')).episodes
}

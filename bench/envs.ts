import { execFileSync } from 'node:child_process'
import { Random, asDefinition, envIds, makeVectorEnv, type VectorEnv } from '../shared/env/index.ts'
import { EnvVector } from '../shared/env/vector.ts'

const ENVS = 128
const BATCHES = 64

/**
 * Env steps/s of every built-in env under random actions on one core, in its own vector form and behind the generic one. Each env has a
 * process of its own, as in a function: code that has seen many envs is slower.
 */
export function envTable(): readonly string[] {
  const script = process.argv[1] ?? ''
  const rows = envIds().map((id) =>
    execFileSync(process.execPath, [script, '--envs', id], { encoding: 'utf8' }).trimEnd(),
  )
  return [`million env steps/s, ${ENVS} envs, one core`, `${''.padEnd(26)} own vector    generic  times`, ...rows]
}

export function envRow(id: string): string {
  const figure = (rate: number | undefined) => (rate === undefined ? '-' : (rate / 1e6).toFixed(2)).padStart(11)
  const definition = asDefinition(id)
  const own = definition.makeVector && stepsPerSecond(makeVectorEnv(id, { numEnvs: ENVS }))
  const generic = stepsPerSecond(new EnvVector(definition, ENVS))
  const times = own === undefined ? '' : (own / generic).toFixed(1).padStart(7)
  return `${id.padEnd(26)}${figure(own)}${figure(generic)}${times}`
}

/** By the processor's time, not the clock's, and the best of three: other work on the machine counts least so. */
function stepsPerSecond(vector: VectorEnv): number {
  const random = new Random(1)
  const batches = Array.from({ length: BATCHES }, () => actions(vector, random))
  vector.reset(1)
  const rates = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage()
    let steps = 0
    let spentUs = 0
    while (spentUs < 150_000) {
      for (const batch of batches) vector.step(batch)
      steps += BATCHES * ENVS
      const { user, system } = process.cpuUsage(before)
      spentUs = user + system
    }
    return steps / (spentUs / 1e6)
  })
  return Math.max(...rates)
}

function actions({ actionSpace }: VectorEnv, random: Random): Int32Array | Float32Array {
  if (actionSpace.kind === 'discrete') return Int32Array.from({ length: ENVS }, () => random.integer(actionSpace.n))
  if (actionSpace.kind === 'multiDiscrete') throw new Error('no built-in env has several choices')
  const [low, high] = [Number(actionSpace.low), Number(actionSpace.high)]
  return Float32Array.from({ length: ENVS }, () => random.uniformBetween(low, high))
}

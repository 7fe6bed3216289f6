import { interruptible } from '../userCode/index.ts'
import { isThenable, showThrown } from '../showValue.ts'
import type { Env, VectorEnv } from './env.ts'

/** Vectors of envs that hold something open. */
const open = new Set<VectorEnv>()

/** Lets `closeOpenEnvs` find this vector until it is closed. */
export function rememberOpen(vector: VectorEnv): void {
  open.add(vector)
}

export function forgetOpen(vector: VectorEnv): void {
  open.delete(vector)
}

/** Closes every env that nobody has closed: the process is about to end. */
export function closeOpenEnvs(): void {
  for (const vector of open) vector.close?.()
}

/** Closes envs. One that throws is only told of: it must not hide the error that the envs are closed for. */
export function closeEnvs(envs: readonly Env[], id: string): void {
  const warn = (what: string) => console.warn(`warning: ${id} ${what}`)
  for (const env of envs) {
    try {
      const result: unknown = interruptible(() => env.close?.())
      if (!isThenable(result)) continue
      warn('gave a Promise from close, which nobody waits for; close is synchronous')
      result.then(undefined, (error: unknown) => warn(`failed to close: ${showThrown(error)}`))
    } catch (error) {
      warn(`failed to close: ${showThrown(error)}`)
    }
  }
}

import type { PolicySession } from '../policy/session.ts'

/** A policy that was opened. */
export interface OpenPolicy {
  readonly session: PolicySession
  /** ONNX. */
  readonly model: Uint8Array
}

/** A policy in use, with buffers of its user's own. It is to be released once. */
export interface PolicyUse extends OpenPolicy {
  readonly release: () => Promise<void>
}

interface Open {
  readonly policy: Promise<OpenPolicy>
  users: number
}

/** The policies that are open in one process: streams that act with the same version read and open its model once. */
export class Policies {
  private readonly open = new Map<string, Open>()

  /**
   * @param name tells models from each other
   * @param load opens it, where nobody has
   * @throws what `load` failed with; whoever asks next tries again
   */
  async use(name: string, load: () => Promise<OpenPolicy>): Promise<PolicyUse> {
    const open = this.open.get(name) ?? { policy: load(), users: 0 }
    this.open.set(name, open)
    open.users++
    try {
      const { session: whole, model } = await open.policy
      const session = whole.twin()
      const release = async () => {
        await session.release()
        if (--open.users > 0) return
        this.forget(name, open)
        await whole.release()
      }
      return { session, model, release }
    } catch (error) {
      this.forget(name, open)
      throw error
    }
  }

  private forget(name: string, open: Open): void {
    if (this.open.get(name) === open) this.open.delete(name)
  }
}

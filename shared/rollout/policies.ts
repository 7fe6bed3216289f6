import type { PolicySession } from '../policy/session.ts'

/** A policy in use. It is to be released once. */
export interface PolicyUse {
  /** With buffers of its user's own. */
  readonly session: PolicySession
  readonly release: () => Promise<void>
}

interface Open {
  readonly model: Promise<PolicySession>
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
  async use(name: string, load: () => Promise<PolicySession>): Promise<PolicyUse> {
    const open = this.open.get(name) ?? { model: load(), users: 0 }
    this.open.set(name, open)
    open.users++
    try {
      const model = await open.model
      const session = model.twin()
      const release = async () => {
        await session.release()
        if (--open.users > 0) return
        this.forget(name, open)
        await model.release()
      }
      return { session, release }
    } catch (error) {
      this.forget(name, open)
      throw error
    }
  }

  private forget(name: string, open: Open): void {
    if (this.open.get(name) === open) this.open.delete(name)
  }
}

/** How a call of the user's code is made in this process. */
type Call = <T>(work: () => T) => T

let call: Call = (work) => work()

/**
 * Says how this process calls user code that may never come back. A process that listens to signals hears of none of them while such a
 * call lasts: it has to let them end the process meanwhile.
 */
export function callUserCodeBy(way: Call): void {
  call = way
}

/** Runs user code that is called once (a constructor, `close`), so that a signal can end the process while it runs. */
export const interruptible: Call = (work) => call(work)

/** One thing that a call does; its rules are done in their order. `every`: at each so many calls of that name, from the last of them on. */
export type Rule =
  /** Runs a graph on the columns of the call. What it gives as columns, later rules see. */
  | { readonly run: string; readonly every?: number }
  /** Runs a graph on minibatches: `rows` random steps of the batch each, every step once an epoch. */
  | {
      readonly run: string
      readonly epochs: number
      readonly rows: number
      /** Ends the epochs after the first whose mean of a metric is above this. */
      readonly until?: { readonly metric: string; readonly above: number }
    }
  /** into = tau from + (1 - tau) into: the weights of a target network. */
  | { readonly copy: string; readonly into: string; readonly tau?: number; readonly every?: number }
  /**
   * Changes a scalar of the program by a metric of this call: by 1.5 up where it is over twice the target, down where under half of it
   * (the adaptive KL penalty of Schulman et al. 2017, arXiv:1707.06347, section 4).
   */
  | { readonly adapt: string; readonly by: string; readonly target: number }

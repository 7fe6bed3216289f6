/** The kinds of distributions over actions: learner and functions have one of each. */
export const HEAD_KINDS = ['categorical', 'multiDiscrete', 'gaussian', 'squashedGaussian', 'deterministic'] as const
export type HeadKind = (typeof HEAD_KINDS)[number]

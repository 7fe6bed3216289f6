/** What `millrace list` prints. */
export const LISTED = ['envs', 'algorithms'] as const

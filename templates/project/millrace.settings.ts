import { settings } from 'millrace/settings'

// What `millrace deploy` makes on AWS. Every other setting has a default; docs: node_modules/millrace/docs/aws.md.
export default settings({
  app: 'my-experiment',
  region: 'us-east-1',
  // Rollout functions at once, and so the most that functions can cost: 10 of them at most $0.83 an hour.
  functions: { concurrency: 10 },
  // Who learns: a machine of your own (`millrace learner --stage demo`); { kind: 'fargate' } or { kind: 'gpu' } start one on AWS.
  learner: { kind: 'anywhere' },
})

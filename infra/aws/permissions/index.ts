/** Every permission of a stage as data, each with its reason: the deployment attaches them, the docs print them, a test holds them. */
export { evaluatePermissions, rolloutPermissions } from './functions.ts'
export { learnerPermissions } from './learner.ts'
export { peoplePermissions } from './people.ts'
export { fallbackEventsPermissions, fallbackEventsTrust, fallbackPermissions, fallbackTrust } from './fallback.ts'
export {
  executionPermissions,
  imagePermissions,
  repositoryOf,
  schedulerPermissions,
  schedulerTrust,
} from './platform.ts'

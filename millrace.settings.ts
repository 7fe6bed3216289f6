import { settings } from './infra/aws/settings.ts'

/** The stages of this repository's own examples. A project of your own gets such a file from `millrace init`. */
export default settings({ app: 'millrace', region: 'us-east-1' })

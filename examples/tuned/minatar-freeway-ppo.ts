import { minAtarPpo } from './minatar.ts'

/** Settings: see minatar.ts. Published: 50 by DQN after 5,000,000 frames. */
export default minAtarPpo('MinAtar/Freeway-v0')

import { minAtarPpo } from './minatar.ts'

/** Settings: see minatar.ts. Published: 20 by DQN after 5,000,000 frames. */
export default minAtarPpo('MinAtar/Seaquest-v0')

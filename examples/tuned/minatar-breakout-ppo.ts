import { minAtarPpo } from './minatar.ts'

/** Settings: see minatar.ts. Published: 17.5 by AC(0.8) after 5,000,000 frames. */
export default minAtarPpo('MinAtar/Breakout-v0')

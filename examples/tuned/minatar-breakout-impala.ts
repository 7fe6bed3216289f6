import { minAtarImpala } from './minatar.ts'

/** Settings: see minatar.ts. Published: 17.5 by AC(0.8) after 5,000,000 frames. */
export default minAtarImpala('MinAtar/Breakout-v0')

import { minAtarPpo } from './minatar.ts'

/** Settings: see minatar.ts. Published: 19 by AC(0.8) after 5,000,000 frames. */
export default minAtarPpo('MinAtar/Asterix-v0')

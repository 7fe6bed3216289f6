export { addRows, mergeMoments, noMoments, varianceOf, type Moments } from './moments.ts'

import type { RunObserver } from '../../learner/run/observer.ts'

/** Several observers as one, called in order. */
export function observers(list: readonly RunObserver[]): Required<RunObserver> {
  return {
    onStart: (info) => list.forEach((o) => o.onStart?.(info)),
    onUpdate: (line) => list.forEach((o) => o.onUpdate?.(line)),
    onProgress: (progress) => list.forEach((o) => o.onProgress?.(progress)),
    onEvent: (event) => list.forEach((o) => o.onEvent?.(event)),
    onEveryEvent: (event) => list.forEach((o) => o.onEveryEvent?.(event)),
    onOutput: (output) => list.forEach((o) => o.onOutput?.(output)),
    onEnd: (summary) => list.forEach((o) => o.onEnd?.(summary)),
    onFates: (fates) => list.forEach((o) => o.onFates?.(fates)),
  }
}

import type { Host } from '../host.ts'
import { quietDisplay, type Display } from './display.ts'
import { liveDisplay, type LiveOptions } from './liveDisplay.ts'
import { plainDisplay } from './plainDisplay.ts'
import { fit } from './wrap.ts'

/** The display of a run that suits where its output goes. */
export function chooseDisplay(host: Host, options: LiveOptions & { readonly quiet: boolean }): Display {
  if (options.quiet) return quietDisplay((text) => host.err.write(fit(text, host.err)))
  return host.out.isTTY ? liveDisplay(host, options) : plainDisplay(host.out)
}

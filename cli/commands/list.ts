import { lineWidth, print } from '../display/wrap.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { algorithmLines, listedAlgorithms } from '../listed/algorithms.ts'
import { envLines, listedEnvs } from '../listed/envs.ts'
import type { LISTED } from '../listed/names.ts'

export interface ListOptions {
  readonly what: (typeof LISTED)[number]
  readonly json: boolean
}

/** `millrace list envs`, `millrace list algorithms`: prints what is built in. */
export async function listCommand({ what, json }: ListOptions, host: Host): Promise<number> {
  const width = lineWidth(host.out)
  if (what === 'envs') show(listedEnvs(), envLines)
  else show(listedAlgorithms(), algorithmLines)
  return EXIT.ok

  function show<T>(listed: readonly T[], lines: (listed: readonly T[], width: number) => readonly string[]): void {
    if (json) host.out.write(`${JSON.stringify(listed, null, 2)}\n`)
    else print(host.out, lines(listed, width))
  }
}

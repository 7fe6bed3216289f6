import { availableParallelism, cpus } from 'node:os'
import { type Row } from './result.ts'

/**
 * `npm run bench [-- --json] [rollout] [train] [conv] [dense] [end-to-end] [ppo] [flow] [slow-episodes] [cold-start]`: every figure of the README,
 * each beside a baseline of the same run. `-- --soak 20` runs the quoted setting for 20 minutes instead, `-- --cpu 20` tells what a fragment of it costs
 * by thread, `-- --envs` steps every built-in env.
 */

const BENCHES: Readonly<Record<string, () => Promise<Row>>> = {
  rollout: async () => await (await import('./rollout.ts')).rolloutRow(),
  train: async () => await (await import('./trainStep.ts')).trainStepRow(),
  conv: async () => await (await import('./networkStep.ts')).convStepRow(),
  dense: async () => await (await import('./networkStep.ts')).denseStepRow(),
  'end-to-end': async () => await (await import('./endToEnd.ts')).endToEndRow(),
  ppo: async () => await (await import('./endToEnd.ts')).ppoEndToEndRow(),
  flow: async () => await (await import('./flow.ts')).flowRow(),
  'slow-episodes': async () => await (await import('./slowEpisodes.ts')).slowEpisodesRow(),
  'cold-start': async () => await (await import('./coldStart.ts')).coldStartRow(),
}

const soakAt = process.argv.indexOf('--soak')
if (soakAt >= 0) {
  const { soak } = await import('./soak.ts')
  process.exit((await soak(Number(process.argv[soakAt + 1] ?? 20))) ? 0 : 1)
}

const cpuAt = process.argv.indexOf('--cpu')
if (cpuAt >= 0) {
  await (await import('./cpuBudget.ts')).cpuBudget(Number(process.argv[cpuAt + 1] ?? 20))
  process.exit(0)
}

const envsAt = process.argv.indexOf('--envs')
if (envsAt >= 0) {
  const { envRow, envTable } = await import('./envs.ts')
  const id = process.argv[envsAt + 1]
  for (const line of id === undefined ? envTable() : [envRow(id)]) console.log(line)
  process.exit(0)
}

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const unknown = wanted.find((name) => !(name in BENCHES))
if (unknown) {
  console.error(`there is no benchmark '${unknown}'; there are ${Object.keys(BENCHES).join(', ')}`)
  process.exit(64)
}
const json = process.argv.includes('--json')
const rows: Row[] = []
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const row = await bench()
  rows.push(row)
  if (!json) console.log(lines(row))
}
if (json) {
  const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version }
  console.log(JSON.stringify({ machine, rows }, undefined, 2))
}
process.exit(0)

function lines({ name, value, unit, baseline, ratio, limit }: Row): string {
  const figure = (x: number): string => (x >= 1000 ? Math.round(x).toLocaleString('en-US') : x.toPrecision(3))
  return [
    name,
    `  ${figure(value)} ${unit}`,
    `  ${ratio.toFixed(1)} times the baseline: ${baseline.name} (${figure(baseline.value)})`,
    `  limited by ${limit}`,
    '',
  ].join('\n')
}

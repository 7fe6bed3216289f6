// A process that runs the emulation, says which environments it has, and waits to be killed.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { lambdaService } from '../../../../infra/local/lambda/lambda.ts'

const [bootstrap = '', file = ''] = process.argv.slice(2)
const service = lambdaService({ bootstrap })
service.create({ name: 'f', file, memoryMb: 256, timeoutMs: 60_000 })
const server = createServer((request, response) => {
  void service.handle(request, response, new URL(request.url ?? '/', 'http://lambda'))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/2015-03-31/functions/f/invocations`
const post = (event: object) => fetch(url, { method: 'POST', body: JSON.stringify(event) })
const pidOf = async (answer: Response) => ((await answer.json()) as { environment: string }).environment.split('-')[0]
const busy = await pidOf(await post({ do: 'count' }))
void post({ do: 'spin' })
const idle = await pidOf(await post({ do: 'count' }))
process.stdout.write(`${busy} ${idle}\n`)

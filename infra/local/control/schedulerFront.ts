import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { AwsError } from '../awsError.ts'
import type { Front } from '../front.ts'
import { MAX_REQUEST_BYTES, readBody, requestId } from '../http.ts'
import { decoded } from '../lambda/routes.ts'
import { parseInput } from '../sqs/input.ts'
import { Definition, type Schedule, type Schedules, scheduleArn } from './schedules.ts'
import { operation } from './wire.ts'

interface SchedulerCall {
  readonly operation: string
  readonly name: string
  readonly group: string
}

const OPERATIONS: Readonly<Record<string, string>> = {
  GET: 'GetSchedule',
  POST: 'CreateSchedule',
  PUT: 'UpdateSchedule',
  DELETE: 'DeleteSchedule',
}

export const isSchedulerPath = (path: string): boolean => /^\/schedules\/[^/?]+(\?|$)/.test(path)

/** EventBridge Scheduler's REST protocol: `/schedules/{name}`. */
export function schedulerFront(schedules: Schedules): Front<SchedulerCall> {
  const create = operation(Definition, (definition) => ({ ScheduleArn: schedules.create(definition) }))
  const update = operation(Definition, (definition) => ({ ScheduleArn: schedules.update(definition) }))
  return {
    protocol: 'rest',
    maxBodyBytes: MAX_REQUEST_BYTES,
    service: () => 'scheduler',
    route(request) {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const name = decoded(url.pathname.slice('/schedules/'.length))
      const group = z.string().catch('default').parse(url.searchParams.get('groupName'))
      return { operation: OPERATIONS[request.method ?? ''] ?? String(request.method), name, group }
    },
    resource: ({ name }) => name,
    async serve({ operation: wanted, name, group }, request, response) {
      switch (wanted) {
        case 'GetSchedule':
          return send(response, 200, view(schedules.get(group, name)))
        case 'CreateSchedule':
          return send(response, 200, await create({ ...parseInput(await readBody(request)), Name: name }))
        case 'UpdateSchedule':
          return send(response, 200, await update({ ...parseInput(await readBody(request)), Name: name }))
        case 'DeleteSchedule':
          schedules.delete(group, name)
          return send(response, 200, {})
        default:
          throw new AwsError(400, 'UnknownOperationException', `the emulated Scheduler does not know ${wanted}`)
      }
    },
    refuse: (error, _request, response) =>
      send(response, error.status, { Message: error.message, ...error.details }, { 'x-amzn-errortype': error.code }),
  }
}

function view({ definition, createdMs, modifiedMs }: Schedule): object {
  const { GroupName, Name } = definition
  const times = { CreationDate: createdMs / 1000, LastModificationDate: modifiedMs / 1000 }
  return { ...definition, ...times, Arn: scheduleArn(GroupName, Name) }
}

function send(response: ServerResponse, status: number, content: object, headers: Record<string, string> = {}): void {
  const body = JSON.stringify(content)
  response.writeHead(status, {
    'x-amzn-requestid': requestId(),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

import { GetParameterCommand, PutParameterCommand, SSMClient, paginateGetParametersByPath } from '@aws-sdk/client-ssm'
import { MillraceError, nearestName } from '../../errors.ts'
import { type StageDescription, parseStage, stageParameter } from '../../protocol/stage.ts'
import { type AwsOptions, placeOf } from '../endpoints.ts'
import { controlConfig, withClient } from './config.ts'
import { asking, awsProblem } from './problem.ts'

// What these promise is written in index.ts, where they are imported from.

const ssm = (options: AwsOptions) => new SSMClient(controlConfig('SSM', options))

export async function findStage(app: string, stage: string, options: AwsOptions = {}): Promise<StageDescription> {
  return await withClient(ssm(options), async (client) => {
    const text = await read(client, stageParameter(app, stage))
    if (text !== undefined) return parseStage(text)
    const [region, names] = [await client.config.region(), await stagesOf(client, app).catch(() => [])]
    const near = nearestName(stage, names)
    const others = names.length === 0 ? 'it has no stage there' : `there are ${names.join(', ')}`
    const deploys = placeOf('SSM', options).local
      ? `millrace cloud --stage ${stage} is an emulated cloud that has it`
      : `millrace deploy --stage ${stage} deploys it`
    const meant = near === undefined ? '' : `; did you mean '${near}'?`
    throw new MillraceError(
      'E_STAGE',
      `stage '${stage}' of ${app} is not deployed in ${region} (${others}); ${deploys}${meant}`,
      { app, stage, region },
    )
  })
}

export async function stageText(app: string, stage: string, options: AwsOptions = {}): Promise<string | undefined> {
  return await withClient(ssm(options), (client) => read(client, stageParameter(app, stage)))
}

export async function listStages(app: string, options: AwsOptions = {}): Promise<readonly string[]> {
  return await withClient(ssm(options), async (client) =>
    asking(`cannot list the stages of ${app}`, stagesOf(client, app)),
  )
}

export async function stageByParameter(name: string, options: AwsOptions = {}): Promise<StageDescription> {
  return await withClient(ssm(options), async (client) => {
    const text = await read(client, name)
    if (text !== undefined) return parseStage(text)
    const region = await client.config.region()
    throw new MillraceError('E_STAGE', `no parameter ${name} in ${region} describes a stage; deploy it`, {
      name,
      region,
    })
  })
}

export async function saveStage(description: StageDescription, options: AwsOptions = {}): Promise<void> {
  const Name = stageParameter(description.app, description.stage)
  const input = { Name, Value: JSON.stringify(description), Type: 'String', Overwrite: true } as const
  await withClient(ssm(options), async (client) =>
    asking(`cannot write the parameter ${Name}`, client.send(new PutParameterCommand(input))),
  )
}

/** Undefined where there is no such parameter. */
async function read(client: SSMClient, Name: string): Promise<string | undefined> {
  try {
    return (await client.send(new GetParameterCommand({ Name }))).Parameter?.Value
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ParameterNotFound') return undefined
    throw awsProblem(`cannot read the parameter ${Name}`, cause)
  }
}

async function stagesOf(client: SSMClient, app: string): Promise<string[]> {
  const path = stageParameter(app, '')
  const names: string[] = []
  for await (const { Parameters = [] } of paginateGetParametersByPath({ client }, { Path: path }))
    for (const { Name } of Parameters) if (Name !== undefined) names.push(Name.slice(path.length))
  return names.sort()
}

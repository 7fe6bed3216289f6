// What AWS's provider would answer: names and ARNs made of what a resource was given. The account is that of AWS's own examples.
export const ACCOUNT = '123456789012'
const REGION = process.env.MILLRACE_REGION ?? 'us-east-1'

const arn = (service, rest) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`
const ARNS = {
  'aws:s3/bucket:Bucket': ({ bucket }) => `arn:aws:s3:::${bucket}`,
  'aws:sqs/queue:Queue': ({ name }) => arn('sqs', name),
  'aws:lambda/function:Function': ({ name }) => arn('lambda', `function:${name}`),
  'aws:iam/role:Role': ({ name }) => `arn:aws:iam::${ACCOUNT}:role/${name}`,
  'aws:iam/instanceProfile:InstanceProfile': ({ name }) => `arn:aws:iam::${ACCOUNT}:instance-profile/${name}`,
  'aws:cloudwatch/logGroup:LogGroup': ({ name }) => arn('logs', `log-group:${name}`),
  'aws:sns/topic:Topic': ({ name }) => arn('sns', name),
  'aws:ecr/repository:Repository': ({ name }) => arn('ecr', `repository/${name}`),
  'aws:ecs/cluster:Cluster': ({ name }) => arn('ecs', `cluster/${name}`),
  'aws:ecs/taskDefinition:TaskDefinition': ({ family }) => arn('ecs', `task-definition/${family}:1`),
  'aws:autoscaling/policy:Policy': ({ name }) => arn('autoscaling', `scalingPolicy:*:policyName/${name}`),
  'aws:sfn/stateMachine:StateMachine': ({ name }) => arn('states', `stateMachine:${name}`),
  'aws:ec2/launchTemplate:LaunchTemplate': (_inputs, name) => arn('ec2', `launch-template/${name}-id`),
  'aws:cloudwatch/eventRule:EventRule': ({ name }) => arn('events', `rule/${name}`),
}
const MORE = {
  'aws:sqs/queue:Queue': ({ name }) => ({ url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}` }),
  'aws:ecr/repository:Repository': ({ name }) => ({
    registryId: ACCOUNT,
    repositoryUrl: `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/${name}`,
  }),
  'aws:ec2/launchTemplate:LaunchTemplate': () => ({ latestVersion: 1 }),
  'random:index/randomBytes:RandomBytes': ({ length }) => ({ base64: Buffer.alloc(length).toString('base64') }),
  'docker-build:index:Image': ({ tags }) => ({ ref: `${tags?.[0]}@sha256:0`, digest: 'sha256:0' }),
}

/** @returns a resource's outputs: its inputs, and what the provider adds */
export function outputsOf(type, name, inputs) {
  const arnOf = ARNS[type]
  return { name: `${name}-name`, ...inputs, ...(arnOf && { arn: arnOf(inputs, name) }), ...MORE[type]?.(inputs) }
}

/** Zones that nobody had to ask for: the account has opted in to a Local Zone too. */
const isOwn = ({ name, values }) => name === 'opt-in-status' && values.join() === 'opt-in-not-required'
/** The zones that have a type. The last zone has no GPU. */
const OFFERED = { 'g6.xlarge': ['b'], 'g5.xlarge': ['a', 'b'], 'g4dn.xlarge': ['a', 'b'] }

const ANSWERS = {
  'aws:index/getRegion:getRegion': () => ({ region: REGION, name: REGION, id: REGION }),
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: ACCOUNT }),
  'aws:index/getPartition:getPartition': () => ({ partition: 'aws' }),
  'aws:index/getAvailabilityZones:getAvailabilityZones': ({ filters = [] }) => ({
    names: [...['a', 'b', 'd'].map((z) => `${REGION}${z}`), ...(filters.some(isOwn) ? [] : [`${REGION}-bos-1a`])],
  }),
  'aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings': ({ locationType, filters }) => {
    if (locationType !== 'availability-zone') throw new Error(`nobody should ask for the types of a ${locationType}`)
    const types = filters.flatMap(({ values }) => values).filter((type) => type in OFFERED)
    const offers = types.flatMap((type) => OFFERED[type].map((zone) => [type, `${REGION}${zone}`]))
    return { instanceTypes: offers.map(([type]) => type), locations: offers.map(([, zone]) => zone) }
  },
  'aws:ecr/getAuthorizationToken:getAuthorizationToken': () => ({
    proxyEndpoint: `https://${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`,
    userName: 'AWS',
    password: 'token',
  }),
  'aws:iam/getPolicyDocument:getPolicyDocument': ({ statements = [] }) => ({
    statements,
    json: policyJson(statements),
  }),
}

/** Answers a look at AWS. @throws for one that is not known: an answer made up would hide it */
export function answer(token, inputs) {
  const known = ANSWERS[token]
  if (!known) throw new Error(`the engine's stand-in does not know ${token}`)
  return known(inputs)
}

/** As the provider renders a policy. */
function policyJson(statements) {
  const Statement = statements.map(({ sid, effect = 'Allow', actions, resources, principals, conditions }) => ({
    ...(sid && { Sid: sid }),
    Effect: effect,
    ...(principals?.length && { Principal: principals }),
    Action: actions,
    Resource: resources,
    ...(conditions?.length && { Condition: conditionBlock(conditions) }),
  }))
  return JSON.stringify({ Version: '2012-10-17', Statement })
}

function conditionBlock(conditions) {
  const block = {}
  for (const { test, variable, values } of conditions) (block[test] ??= {})[variable] = values
  return block
}

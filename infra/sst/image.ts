import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryOf } from '../aws/permissions/index.ts'
import { packageFolder, packageVersion } from './packages.ts'
import type { Stage } from './stage.ts'

export interface LearnerImage {
  readonly uri: $util.Output<string>
  /** The ARN of its repository, where that is AWS's. */
  readonly repository: $util.Output<string | undefined>
}

/** The image of the learner: the one that settings name, or one built here, with Docker, into a repository of the stage's own. */
export function learnerImage(stage: Stage, engine: string, given: string | undefined): LearnerImage {
  if (given === undefined) return builtImage(stage, engine)
  const { partition } = aws.getPartitionOutput({}, { parent: stage.parent })
  return { uri: $output(given), repository: partition.apply((partition) => repositoryOf(given, partition)) }
}

/** @throws Error when the package has no Dockerfile */
function builtImage({ name, names, parent }: Stage, engine: string): LearnerImage {
  const millrace = packageFolder('millrace', $cli.paths.root)
  const dockerfile = join(millrace, 'infra/learner.Dockerfile')
  if (!existsSync(dockerfile)) throw new Error(`${dockerfile} is missing; install millrace again, or set learner.image`)
  const repository = new aws.ecr.Repository(
    `${name}Images`,
    { name: names.learner, forceDelete: true, imageTagMutability: 'MUTABLE' },
    { parent },
  )
  new aws.ecr.LifecyclePolicy(
    `${name}ImagesKept`,
    {
      repository: repository.name,
      policy: JSON.stringify({
        rules: [
          {
            rulePriority: 1,
            description: 'the image in use, and the one before it',
            selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 2 },
            action: { type: 'expire' },
          },
        ],
      }),
    },
    { parent },
  )
  const token = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId }, { parent })
  const args = {
    context: { location: millrace },
    dockerfile: { location: dockerfile },
    buildArgs: { ENGINE: engine },
    platforms: ['linux/amd64' as const],
    tags: [$interpolate`${repository.repositoryUrl}:${packageVersion(millrace)}`],
    push: true,
    buildOnPreview: false,
    registries: [{ address: token.proxyEndpoint, username: token.userName, password: $util.secret(token.password) }],
  }
  // Not at the top: SST reads the configuration of a new project before it has installed what this comes from.
  const image = $output(import('@pulumi/docker-build')).apply(
    // It goes with its repository. To delete it by itself Docker would use the registry's token of the deployment, which is good for 12 hours.
    ({ Image }) => new Image(`${name}Image`, args, { parent, retainOnDelete: true }),
  )
  return { uri: image.ref, repository: repository.arn }
}

/** What a GPU machine does when it starts, as a shell script. */
export interface MachineStart {
  readonly image: string
  /** The registry to log in to; undefined where the image is public. */
  readonly registry: string | undefined
  readonly region: string
  readonly parameter: string
  readonly logGroup: string
}

/**
 * ECS's GPU image brings Docker, NVIDIA's driver and its runtime; its agent is not needed. The driver's module is installed while the
 * machine boots (`nvidia-kmod-load.service`): a container that started before would see no GPU.
 *
 * The end is `ExecStopPost` and `StartLimitAction`, not `SuccessAction` and `FailureAction`: systemd takes those at the first failure, since
 * a unit passes through `failed` before it is started again. `docker stop --timeout` is of a later Docker than the image's 25.
 */
const SCRIPT = `#!/bin/bash
set -euo pipefail
systemctl disable --now ecs.service || true
systemctl enable --now docker.service
@LOGIN@
cat > /etc/systemd/system/millrace-learner.service <<'UNIT'
[Unit]
Description=Millrace learner
Requires=docker.service
Wants=network-online.target nvidia-kmod-load.service
After=docker.service network-online.target nvidia-kmod-load.service nvidia-persistenced.service
StartLimitIntervalSec=900
StartLimitBurst=5
StartLimitAction=poweroff
[Service]
ExecStartPre=-/usr/bin/docker rm --force learner
ExecStart=@RUN@
ExecStop=/usr/bin/docker stop -t 100 learner
ExecStopPost=/bin/sh -c 'if [ "$SERVICE_RESULT" = success ]; then systemctl --no-block poweroff; fi'
TimeoutStartSec=900
TimeoutStopSec=120
Restart=on-failure
RestartSec=10
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now --no-block millrace-learner.service
`

/**
 * The script. The container is a unit of systemd: it is started again when it fails, four times in a quarter of an hour, and then the
 * machine goes; when the machine is taken away it gets SIGTERM and 100 s for a last checkpoint. A machine whose learner has ended well goes
 * too: a group that was asked for one again meanwhile starts another, with a learner on it.
 */
export function userData({ image, registry, region, parameter, logGroup }: MachineStart): string {
  const run = [
    '/usr/bin/docker run --name learner --rm --gpus all',
    `--env AWS_REGION=${region}`,
    `--log-driver awslogs --log-opt awslogs-region=${region} --log-opt awslogs-group=${logGroup}`,
    '--log-opt tag=learner/{{.ID}}',
    image,
    `learner --parameter ${parameter}`,
  ]
  const login =
    registry === undefined
      ? ''
      : [
          'dnf install -y amazon-ecr-credential-helper',
          'mkdir -p /root/.docker',
          `echo '{"credHelpers":{"${registry}":"ecr-login"}}' > /root/.docker/config.json`,
        ].join('\n')
  return SCRIPT.replace('@LOGIN@', login).replace('@RUN@', run.join(' '))
}

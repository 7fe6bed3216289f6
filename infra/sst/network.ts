import type { Stage } from './stage.ts'

export interface Network {
  readonly subnetIds: $util.Output<string[]>
  readonly securityGroupId: $util.Output<string>
}

const CIDR = '10.77.0.0/16'

/**
 * Where a learner runs: public subnets in every zone (a spot machine is to be had in one or the other), nothing may come in, no NAT
 * gateway (it would cost $33 a month at rest). Objects go through S3's own endpoint, which costs nothing. At rest all of it is free.
 */
export function learnerNetwork({ name, names, settings, parent }: Stage): Network {
  const opts = { parent }
  const tags = { Name: names.learner }
  const vpc = new aws.ec2.Vpc(`${name}Vpc`, { cidrBlock: CIDR, enableDnsHostnames: true, tags }, opts)
  const gateway = new aws.ec2.InternetGateway(`${name}Gateway`, { vpcId: vpc.id, tags }, opts)
  const routes = new aws.ec2.RouteTable(
    `${name}Routes`,
    { vpcId: vpc.id, routes: [{ cidrBlock: '0.0.0.0/0', gatewayId: gateway.id }], tags },
    opts,
  )
  const zones = aws.getAvailabilityZonesOutput({ state: 'available' }, opts).names
  const subnetIds = zones.apply((zones) =>
    $resolve(
      zones.map((availabilityZone, i) => {
        const subnet = new aws.ec2.Subnet(
          `${name}Subnet${i + 1}`,
          { vpcId: vpc.id, availabilityZone, cidrBlock: `10.77.${i * 16}.0/20`, mapPublicIpOnLaunch: true, tags },
          opts,
        )
        new aws.ec2.RouteTableAssociation(
          `${name}Subnet${i + 1}Routes`,
          { subnetId: subnet.id, routeTableId: routes.id },
          opts,
        )
        return subnet.id
      }),
    ),
  )
  new aws.ec2.VpcEndpoint(
    `${name}ObjectsEndpoint`,
    {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${settings.region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: [routes.id],
      tags,
    },
    opts,
  )
  const outward = new aws.ec2.SecurityGroup(
    `${name}Outward`,
    {
      name: names.learner,
      description: 'A learner of Millrace: calls AWS, is called by nobody',
      vpcId: vpc.id,
      ingress: [],
      egress: [{ protocol: '-1', fromPort: 0, toPort: 0, cidrBlocks: ['0.0.0.0/0'] }],
      tags,
    },
    opts,
  )
  return { subnetIds, securityGroupId: outward.id }
}

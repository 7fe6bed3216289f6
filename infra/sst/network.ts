import type { Stage } from './stage.ts'

export interface Subnet {
  readonly id: string
  readonly zone: string
}

export interface Network {
  /** One a zone. */
  readonly subnets: $util.Output<Subnet[]>
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
  // Not those that somebody opted in to: Local Zones and Wavelength Zones, at the edge of mobile networks.
  const filters = [{ name: 'opt-in-status', values: ['opt-in-not-required'] }]
  const zones = aws.getAvailabilityZonesOutput({ state: 'available', filters }, opts).names
  const subnets = zones.apply((zones) => {
    const ids = zones.map((availabilityZone) => {
      // By the zone's own letter: were it by its place in the list, a zone that comes or goes would move all the others.
      const letter = availabilityZone.slice(-1)
      const subnet = new aws.ec2.Subnet(
        `${name}Subnet${letter.toUpperCase()}`,
        { vpcId: vpc.id, availabilityZone, cidrBlock: cidrOf(letter), mapPublicIpOnLaunch: true, tags },
        opts,
      )
      new aws.ec2.RouteTableAssociation(
        `${name}Subnet${letter.toUpperCase()}Routes`,
        { subnetId: subnet.id, routeTableId: routes.id },
        opts,
      )
      return subnet.id
    })
    return $resolve(ids).apply((ids) => ids.map((id, i): Subnet => ({ id, zone: zones[i] ?? '' })))
  })
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
      name: names.securityGroup,
      description: 'A learner of Millrace: calls AWS, is called by nobody',
      vpcId: vpc.id,
      ingress: [],
      egress: [{ protocol: '-1', fromPort: 0, toPort: 0, cidrBlocks: ['0.0.0.0/0'] }],
      tags,
    },
    opts,
  )
  return { subnets, securityGroupId: outward.id }
}

/** The subnet of a zone: a sixteenth of the network, for zones a to p. */
const cidrOf = (letter: string): string => `10.77.${(letter.charCodeAt(0) - 'a'.charCodeAt(0)) * 16}.0/20`

import { z } from 'zod'
import { algorithm } from '../algorithm.ts'
import { appoLoss, explainedVariance, klEstimate, vtrace } from '../losses/index.ts'
import { column, rate as fed, rolloutColumns, scalarState, stepColumns } from '../program/index.ts'
import { count, rate } from '../settings.ts'
import { flatten, mul, reduceMean, reshape } from '../tensor/index.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { LOSS_SETTINGS, actorCritic, discounting } from './actorCritic.ts'
import { ASYNCHRONOUS_SETTINGS, asynchronous, checkLag } from './asynchronous.ts'
import { impalaPlan } from './impala.ts'
import { dividing } from './minibatches.ts'
import { NETWORK_SETTINGS, policyOf } from './networkSettings.ts'
import { NORMALIZATION_SETTINGS } from './normalization.ts'

/** Defaults: RLlib's APPO (Adam, clip 0.4, value 0.5, no KL penalty), two passes and no entropy term as in its CartPole example. */
const AppoConfig = z
  .strictObject({
    ...LOSS_SETTINGS,
    learningRate: rate.default(1e-3),
    /** The ratio of the policy that learns to the target network's counts within 1 ± this. */
    clip: z.number().positive().default(0.4),
    ...NETWORK_SETTINGS,
    ...NORMALIZATION_SETTINGS,
    ...ASYNCHRONOUS_SETTINGS,
    /** Passes over every batch. */
    epochs: count.default(2),
    /** Env steps of a minibatch; the whole batch if not given. */
    minibatchSteps: count.optional(),
    /** Updates after which the target network becomes the policy. */
    targetEvery: count.default(1),
    /** Adds a penalty on the KL divergence from the target network whose coefficient is adapted to this target. */
    klTarget: z.number().positive().optional(),
    ...ENGINE_SETTINGS,
  })
  .check(checkLag)

/**
 * APPO, asynchronous PPO (IMPACT, Luo et al. 2020, arXiv:1912.00167, algorithm 1): IMPALA's plan with PPO's clipped surrogate, against a
 * target network to which V-trace corrects. Departs: a batch is used `epochs` times in a row, not kept in a circular buffer.
 */
export const appo = algorithm({
  name: 'appo',
  about: {
    sentence: "IMPALA's plan with PPO's clipped objective, against a target network",
    paper: 'Luo et al. 2020, arXiv:1912.00167',
  },
  config: AppoConfig,
  rollouts: { envsPerShard: 8 },
  plan: impalaPlan,
  ...asynchronous,
  check: dividing('appo', asynchronous),
  policy: policyOf,

  program(c, sizes) {
    const { T, B, policy: spec } = sizes
    const network = actorCritic(c, spec)
    const { standard, shrink, kept } = network.normalization
    const target = actorCritic(c, spec, network.normalization)
    const batch = rolloutColumns(sizes)
    const { values, nextValues } = network.evaluate(batch)
    const targetLogProbs = target.evaluate(batch).policy.logProb(batch.actions)
    const traced = vtrace(
      {
        targetLogProbs: reshape(targetLogProbs, [T, B]),
        behaviourLogProbs: batch.behaviourLogProbs,
        rewards: mul(batch.rewards, c.rewardScale),
        values: reshape(values, [T, B]),
        nextValues,
        ...discounting(batch, c.gamma),
      },
      { rhoBar: 1, cBar: 1, pgRhoBar: 1 },
    )
    const rows = c.minibatchSteps ?? T * B
    const steps = stepColumns(spec, [rows])
    const now = network.apply(steps)
    const logProbs = now.policy.logProb(steps.actions)
    const oldLogProbs = column('target_log_probs', [rows])
    const loss = appoLoss(
      {
        logProbs,
        targetLogProbs: oldLogProbs,
        behaviourLogProbs: steps.behaviourLogProbs,
        values: standard(now.values),
        targets: standard(column('targets', [rows])),
        advantages: shrink(column('advantages', [rows])),
        entropy: now.policy.entropy(),
        ...(c.klTarget !== undefined && { kl: klEstimate(logProbs, oldLogProbs) }),
      },
      { ...c, entropyCoef: fed('entropy_coef'), klCoef: scalarState('kl_coef') },
    )
    const [targets, advantages] = [flatten(traced.targets), flatten(traced.advantages)]
    const optimizer = { kind: 'adam', epsilon: c.epsilon } as const
    const adapted = c.klTarget === undefined ? [] : [{ adapt: 'kl_coef', by: 'kl', target: c.klTarget }]
    const program = {
      sets: { policy: network.parameters, target: { parameters: target.parameters, copyOf: 'policy' } },
      graphs: {
        vtrace: {
          columns: { target_log_probs: targetLogProbs, targets, advantages },
          metrics: { meanRho: reduceMean(traced.rhos), explainedVariance: explainedVariance(targets, values) },
        },
        surrogate: {
          minimise: { policy: { loss: loss.total, optimizer, maxGradNorm: c.maxGradNorm } },
          metrics: loss.metrics,
        },
      },
      calls: {
        update: [
          { run: 'vtrace' },
          { run: 'surrogate', epochs: c.epochs, rows },
          ...adapted,
          { copy: 'policy', into: 'target', every: c.targetEvery },
        ],
      },
      scalars: c.klTarget === undefined ? {} : { kl_coef: 1 },
      policies: { default: { sets: ['policy'], ...network.published } },
      rewardScale: c.rewardScale,
    }
    return kept(program, { batch, targets, graph: 'vtrace' })
  },
})

import { z } from 'zod'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { algorithm } from '../algorithm.ts'
import { actorCriticLoss, explainedVariance, vtrace } from '../losses/index.ts'
import { countSamples } from '../operators/sampling.ts'
import { publishPolicy, trainOneStep } from '../operators/training.ts'
import { rate as fed, rolloutColumns } from '../program/index.ts'
import { rate } from '../settings.ts'
import { clip, flatten, mul, reduceMean, reshape } from '../tensor/index.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { LOSS_SETTINGS, actorCritic, discounting, ratesOf } from './actorCritic.ts'
import { ASYNCHRONOUS_SETTINGS, type AsynchronousPlan, asTheyCome, asynchronous, checkLag } from './asynchronous.ts'
import { NETWORK_SETTINGS, policyOf } from './networkSettings.ts'
import { NORMALIZATION_SETTINGS } from './normalization.ts'

/** Defaults: RLlib's IMPALA (Adam, value 0.5, entropy 0.01, 2 requests in flight), but for batch, rate and clip: with its own, CartPole is not solved. */
const ImpalaConfig = z
  .strictObject({
    ...LOSS_SETTINGS,
    learningRate: rate.default(2e-3),
    optimizer: z.enum(['adam', 'rmsprop']).default('adam'),
    epsilon: z.number().positive().default(1e-7),
    /** Clips of the importance weights: of the value target, of the trace, of the policy gradient (paper, section 4.1). */
    rhoBar: z.number().positive().default(1),
    cBar: z.number().positive().default(1),
    pgRhoBar: z.number().positive().default(1),
    /** `none`: every importance weight is 1, as if the policy that acted were the one that learns. */
    correction: z.enum(['vtrace', 'none']).default('vtrace'),
    entropyCoef: rate.default(0.01),
    /** Limits scaled rewards to ± this. */
    rewardClip: z.number().positive().optional(),
    /** The paper sums its losses over time and batch; a mean keeps the learning rate when the batch changes. */
    reduction: z.enum(['sum', 'mean']).default('mean'),
    ...NETWORK_SETTINGS,
    ...NORMALIZATION_SETTINGS,
    ...ASYNCHRONOUS_SETTINGS,
    ...ENGINE_SETTINGS,
  })
  .check(checkLag)

/** The paper's figure 1: actors make trajectories without waiting; a queue; one learner, whose policies go back to the actors. */
export const impalaPlan: AsynchronousPlan = (plan, c, setting) => {
  const batches = plan.queue<readonly SampleBatch[]>('learner', { capacity: 2, whenFull: 'block' })
  const sample = asTheyCome(plan, c, setting).enqueue(batches)
  const learn = plan
    .dequeue(batches)
    .via(countSamples())
    .via(trainOneStep({ rates: ratesOf(c), publishEvery: c.publishEvery }))
    .via(publishPolicy())
  return plan.concurrently([sample, learn], { mode: 'async', output: 1 })
}

/**
 * IMPALA (Espeholt et al. 2018, arXiv:1802.01561, section 3): actors run ahead of one learner, V-trace corrects for their lag.
 * Departs: batches past `maxPolicyLag` are dropped and counted; functions poll for the newest policy instead of being sent it.
 */
export const impala = algorithm({
  name: 'impala',
  about: {
    sentence: 'functions run ahead of one learner, and V-trace corrects for their policy lag',
    paper: 'Espeholt et al. 2018, arXiv:1802.01561',
  },
  config: ImpalaConfig,
  rollouts: { envsPerShard: 8 },

  plan: impalaPlan,
  ...asynchronous,
  policy: policyOf,

  program(c, sizes) {
    const { T, B } = sizes
    const network = actorCritic(c, sizes.policy)
    const batch = rolloutColumns(sizes)
    const { policy, values, nextValues } = network.evaluate(batch)
    const { standard, shrink, kept } = network.normalization
    const logProbs = policy.logProb(batch.actions)
    const scaled = mul(batch.rewards, c.rewardScale)
    const { targets, advantages, rhos } = vtrace(
      {
        targetLogProbs: c.correction === 'none' ? batch.behaviourLogProbs : reshape(logProbs, [T, B]),
        behaviourLogProbs: batch.behaviourLogProbs,
        rewards: c.rewardClip === undefined ? scaled : clip(scaled, -c.rewardClip, c.rewardClip),
        values: reshape(values, [T, B]),
        nextValues,
        ...discounting(batch, c.gamma),
      },
      c,
    )
    const loss = actorCriticLoss(
      {
        logProbs,
        values: standard(values),
        entropy: policy.entropy(),
        advantages: shrink(flatten(advantages)),
        targets: standard(flatten(targets)),
      },
      { valueCoef: c.valueCoef, entropyCoef: fed('entropy_coef'), reduction: c.reduction },
    )
    const optimizer = { kind: c.optimizer, epsilon: c.epsilon }
    const program = {
      sets: { policy: network.parameters },
      graphs: {
        vtrace: {
          minimise: { policy: { loss: loss.total, optimizer, maxGradNorm: c.maxGradNorm } },
          metrics: {
            ...loss.metrics,
            meanRho: reduceMean(rhos),
            meanTarget: reduceMean(targets),
            explainedVariance: explainedVariance(flatten(targets), values),
          },
        },
      },
      calls: { update: [{ run: 'vtrace' }] },
      policies: { default: { sets: ['policy'], ...network.published } },
      rewardScale: c.rewardScale,
    }
    return kept(program, { batch, targets, graph: 'vtrace' })
  },
})

import { z } from 'zod'
import { algorithm } from '../algorithm.ts'
import { explainedVariance, klEstimate, ppoLoss, standardized } from '../losses/index.ts'
import { publishPolicy, trainOneStep } from '../operators/training.ts'
import { column, rate as fed, rolloutColumns, scalarState, stepColumns } from '../program/index.ts'
import { count } from '../settings.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { LOSS_SETTINGS, actorCritic, estimated, ratesOf } from './actorCritic.ts'
import { dividing } from './minibatches.ts'
import { NETWORK_SETTINGS, policyOf } from './networkSettings.ts'
import { NORMALIZATION_SETTINGS } from './normalization.ts'
import { rounds, synchronous } from './synchronous.ts'

/** Of the clipped surrogate objective and of the advantages in it. */
export const SURROGATE_SETTINGS = {
  /** Of generalised advantage estimation. */
  lambda: z.number().min(0).max(1).default(0.95),
  /** The ratio of new to old probability counts within 1 ± this. */
  clip: z.number().positive().default(0.2),
  /** A value may move so far from the old one before its error stops to count; `null`: as far as it likes. */
  valueClip: z.number().positive().nullable().default(null),
  /** Subtract the mean of a minibatch's advantages and divide by their deviation. */
  standardizeAdvantages: z.boolean().default(true),
}

/** Defaults: those of the paper for MuJoCo (table 3), as Stable-Baselines3 has them. */
const PpoConfig = z
  .strictObject({
    ...LOSS_SETTINGS,
    ...SURROGATE_SETTINGS,
    ...NETWORK_SETTINGS,
    ...NORMALIZATION_SETTINGS,
    /** Env steps of an update, rounded up to whole rounds of all shards. */
    trainBatchSteps: count.default(2048),
    epochs: count.default(10),
    minibatchSteps: count.default(64),
    /** No further epoch once the KL divergence from the old policy is over this. */
    maxKl: z.number().positive().optional(),
    /** Adds a penalty on the KL divergence whose coefficient is adapted to this target (paper, section 4). */
    klTarget: z.number().positive().optional(),
    ...ENGINE_SETTINGS,
  })
  .refine((c) => c.minibatchSteps > 1 || !c.standardizeAdvantages, {
    path: ['minibatchSteps'],
    error:
      'must be at least 2, or standardizeAdvantages false: the advantage of one step is its own mean, so nothing would be learned',
  })

/**
 * PPO (Schulman et al. 2017, arXiv:1707.06347, algorithm 1): every shard steps with the newest policy; advantages are computed once;
 * several epochs of minibatches then raise the clipped surrogate objective.
 */
export const ppo = algorithm({
  name: 'ppo',
  about: {
    sentence: 'several epochs of minibatches a batch, on a surrogate objective that is clipped near the old policy',
    paper: 'Schulman et al. 2017, arXiv:1707.06347',
  },
  config: PpoConfig,
  rollouts: { envsPerShard: 8, fragmentLength: 128 },

  plan: (plan, c, setting) =>
    rounds(plan, c, setting)
      .via(trainOneStep({ rates: ratesOf(c), publishEvery: 1 }))
      .via(publishPolicy()),
  ...synchronous,
  check: dividing('ppo', synchronous),

  policy: policyOf,

  program(c, sizes) {
    const rows = c.minibatchSteps
    const network = actorCritic(c, sizes.policy)
    const batch = rolloutColumns(sizes)
    const before = network.evaluate(batch)
    const { advantages, returns } = estimated(batch, before, c)
    const steps = stepColumns(sizes.policy, [rows])
    const { policy, values } = network.apply(steps)
    const { standard, shrink, kept } = network.normalization
    const given = column('advantages', [rows])
    const logProbs = policy.logProb(steps.actions)
    const oldLogProbs = steps.behaviourLogProbs
    const loss = ppoLoss(
      {
        logProbs,
        oldLogProbs,
        advantages: c.standardizeAdvantages ? standardized(given) : shrink(given),
        values: standard(values),
        oldValues: standard(column('old_values', [rows])),
        returns: standard(column('returns', [rows])),
        entropy: policy.entropy(),
        ...(c.klTarget !== undefined && { kl: klEstimate(logProbs, oldLogProbs) }),
      },
      { ...c, entropyCoef: fed('entropy_coef'), klCoef: scalarState('kl_coef') },
    )
    const until = c.maxKl === undefined ? {} : { until: { metric: 'kl', above: c.maxKl } }
    const adapted = c.klTarget === undefined ? [] : [{ adapt: 'kl_coef', by: 'kl', target: c.klTarget }]
    const optimizer = { kind: 'adam', epsilon: c.epsilon } as const
    const program = {
      sets: { policy: network.parameters },
      graphs: {
        advantages: {
          columns: { advantages, returns, old_values: before.values },
          metrics: { explainedVariance: explainedVariance(returns, before.values) },
        },
        surrogate: {
          minimise: { policy: { loss: loss.total, optimizer, maxGradNorm: c.maxGradNorm } },
          metrics: loss.metrics,
        },
      },
      calls: {
        update: [{ run: 'advantages' }, { run: 'surrogate', epochs: c.epochs, rows, ...until }, ...adapted],
      },
      scalars: c.klTarget === undefined ? {} : { kl_coef: 0.2 },
      policies: { default: { sets: ['policy'], ...network.published } },
      rewardScale: c.rewardScale,
    }
    return kept(program, { batch, targets: returns, graph: 'advantages' })
  },
})

import type { Stage } from './stage.ts'

/**
 * The second line of defence, hours late. It watches the account's whole bill: a budget of one stage alone would see nothing, and say
 * nothing, until somebody switched on the stage's tags for billing.
 */
export function monthlyBudget({ name, names, settings, parent }: Stage): void {
  const { budget } = settings
  if (budget === undefined) return
  const notify = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
    comparisonOperator: 'GREATER_THAN',
    notificationType,
    threshold,
    thresholdType: 'PERCENTAGE',
    subscriberEmailAddresses: [budget.email],
  })
  new aws.budgets.Budget(
    `${name}Budget`,
    {
      name: names.budget,
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      limitAmount: String(budget.usdPerMonth),
      limitUnit: 'USD',
      notifications: [notify('ACTUAL', 50), notify('ACTUAL', 100), notify('FORECASTED', 100)],
    },
    { parent },
  )
}

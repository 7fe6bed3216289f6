/** SST allows more; beyond this the names of roles (64 letters) would not fit. */
export const STAGE_LETTERS = 24
/** Words with single hyphens between them, since ECR takes no others. */
const WORDS = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** Can a stage be called so? Everything in it carries its name. */
export const isStageName = (text: string): boolean => WORDS.test(text) && text.length <= STAGE_LETTERS

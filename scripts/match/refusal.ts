/** Something that is told to the user in one sentence, without a stack trace. */
export class Refusal extends Error {}

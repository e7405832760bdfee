/**
 * Cleaning rules, one a class: a {@link dev.zhulong.data.document.CleaningStep} keeps a document, changes its text or drops it with a reason.
 *
 * <p>A new rule is a new class here plus one line in {@link dev.zhulong.data.clean.Steps}; or a class in a jar of its own, with a
 * {@link dev.zhulong.data.clean.CleaningStepProvider}. The contract of a rule:
 * <ul>
 *   <li>stateless, so that many threads may share it;
 *   <li>time linear in the text, whatever the text is: bounded look-back and look-ahead, no back-tracking regular expressions;
 *   <li>it accepts every string, lone surrogates and NUL included;
 *   <li>rules that change text are idempotent;
 *   <li>the reason of a drop carries the rule and its threshold but no measured value, so that an audit can count equal reasons.
 * </ul>
 */
package dev.zhulong.data.clean;

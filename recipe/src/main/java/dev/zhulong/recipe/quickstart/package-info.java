/**
 * The first job: raw text to a model that writes, sized to the machine and the minutes given. {@link dev.zhulong.recipe.quickstart.Quickstart}
 * runs the stages; a run directory stopped at any moment goes on where it was and ends in the same bits, because everything that was
 * measured is fixed in {@code plan.json} before the first stage.
 */
package dev.zhulong.recipe.quickstart;

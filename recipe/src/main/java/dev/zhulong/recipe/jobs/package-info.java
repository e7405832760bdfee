/**
 * All jobs by their kinds: {@link dev.zhulong.recipe.jobs.Jobs} is where a recipe, or the directory of a run, becomes the job that it is of.
 */
package dev.zhulong.recipe.jobs;

/**
 * Whole jobs made of stages. A job is a recipe (a record, read from YAML) and a run directory; each stage leaves its result in the run
 * directory by one rename, so that a job that was stopped at any moment goes on where it was and ends in the same bits.
 */
package dev.zhulong.recipe;

/**
 * Search over the fields of a recipe: random search and successive halving (Jamieson and Talwalkar 2016), under a budget of minutes or
 * tokens, resumable, the winning recipe written out.
 */
package dev.zhulong.recipe.tune;

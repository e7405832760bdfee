/** How far models reach: accuracy over the distance between a question and its evidence, for sizes and patterns of attention. */
package dev.zhulong.recipe.distance;

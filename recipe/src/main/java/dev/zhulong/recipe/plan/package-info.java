/** Plans of trainings that nobody has to run: of any published shape, on any number of devices. */
package dev.zhulong.recipe.plan;

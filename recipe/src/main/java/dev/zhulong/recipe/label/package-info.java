/** Heads of encoders over labelled rows: how rows of each kind are read and become inputs, and how what a head says of them is scored. */
package dev.zhulong.recipe.label;

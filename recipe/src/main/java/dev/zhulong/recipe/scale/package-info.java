/** Laws of scale: a ladder of small models on one text, what their losses say of larger ones, and what a budget should buy. */
package dev.zhulong.recipe.scale;

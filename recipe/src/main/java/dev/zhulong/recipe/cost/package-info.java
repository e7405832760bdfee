/** What training costs: memory, operations, traffic, time, energy and money, from the shape of a network alone. The same formulas stand behind a plan and before every job. */
package dev.zhulong.recipe.cost;

/** Java that a model wrote, compiled and run apart from everything else: HumanEval's protocol (Chen et al. 2021) for Java. */
package dev.zhulong.evaluate.code;

/** Reports: what tasks said of one or more models, side by side, as JSON and as a page. */
package dev.zhulong.evaluate.report;

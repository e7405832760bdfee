package dev.zhulong.infer.open;

/** What the throughput route, and a cache of few bits, read of any model as it is loaded: prose, talk, figures, code and Chinese, some 256 tokens of most vocabularies. */
final class CalibrationText {
    static final String TEXT = """
            The ferry left the harbour a little before six, when the fog had begun to lift from the water. On deck an old man sold tea from a copper \
            kettle, and nobody asked him where he got the coal. "You will see the island in an hour," he said, "unless the wind turns." It did not turn.

            Question: A library lends 1,250 books in March and 12 % more in April. How many does it lend in April?
            Answer: 12 % of 1,250 is 150, so in April it lends 1,400 books.

            def mean(values):
                total = 0.0
                for value in values:
                    total += value
                return total / len(values) if values else float("nan")

            烛龙睁眼为昼，闭眼为夜。山下的人说，它一呼一吸就是冬天和夏天。请把下面这句话翻译成英文：今天的雨比昨天小，但路还是湿的。

            The contract ends on 30 June 2019; either party may give notice in writing three months before. Fees paid in advance are returned within \
            fourteen days, less any amount that is due.
            """;

    private CalibrationText() {}
}

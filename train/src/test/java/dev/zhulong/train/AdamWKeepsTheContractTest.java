package dev.zhulong.train;

class AdamWKeepsTheContractTest extends OptimizerContract<AdamW> {
    @Override
    Optimizer.Maker maker() {
        return Tiny.ADAMW;
    }
}

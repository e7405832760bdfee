package dev.zhulong.distribute;

class HalvesKeepTheCodecsContractTest extends CodecContract {
    @Override
    Codec codec() {
        return new Bf16Codec();
    }

    @Override
    double share() {
        return 0.5;
    }
}

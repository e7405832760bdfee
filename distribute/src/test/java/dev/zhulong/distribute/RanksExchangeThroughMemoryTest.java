package dev.zhulong.distribute;

class RanksExchangeThroughMemoryTest extends CollectivesContract {
    @Override
    Collectives over(Mesh mesh) {
        return new MemoryCollectives(mesh);
    }
}

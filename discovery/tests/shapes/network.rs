//! Shapes of trouble: who reaches whom, when.
//!
//! Four regions with a replica each, and a second replica in the first one, in the same failure domain. Five members: one in
//! each region, and a second one in the second region. Probed are each member's gateway and its session. A shape begins at
//! [`BEGIN_MS`] and lasts to the end, at [`END_MS`], but where it says otherwise.

/// The region in which each member is.
pub(crate) const MEMBERS: [usize; 5] = [0, 1, 2, 3, 1];
/// The region in which each observer is; each region is a failure domain.
pub(crate) const OBSERVERS: [usize; 5] = [0, 1, 2, 3, 0];
/// When trouble begins, in milliseconds.
pub(crate) const BEGIN_MS: u64 = 30_000;
/// When a run ends.
pub(crate) const END_MS: u64 = 150_000;

/// A shape of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing happens.
    Calm,
    /// Nobody outside the second region reaches anything in it, nor does anybody in it reach anything outside.
    RegionDark,
    /// The second member of the second region is gone: one zone of it.
    ZoneDark,
    /// The first two regions don't reach each other.
    Pair,
    /// The first region doesn't reach the second; the second does reach the first.
    OneWay,
    /// So many percent of all attempts on anything in the second region are lost.
    GreyRegion(u64),
    /// So many percent of all attempts between regions are lost.
    GreyEverywhere(u64),
    /// Now and then, for one to six seconds, four fifths of the attempts on the second region take too long.
    Slow,
    /// The second region goes and comes, half of this period each, in milliseconds.
    Flapping(u64),
    /// The second region's replica reaches nothing outside.
    Uplink,
    /// The first region's two replicas, in one failure domain, reach nothing outside.
    SharedUplink,
    /// API servers answer nobody: what is probed is not they.
    ApiServerOnly,
    /// The gateway of the third region's member is gone; its agent still speaks.
    GatewayOnly,
    /// All members restart within five seconds, and take 15 to 45 seconds each.
    AllRestart,
}

/// All shapes, with the parameters that are tried.
pub(crate) const SHAPES: [Shape; 23] = [
    Shape::Calm,
    Shape::RegionDark,
    Shape::ZoneDark,
    Shape::Pair,
    Shape::OneWay,
    Shape::GreyRegion(5),
    Shape::GreyRegion(10),
    Shape::GreyRegion(20),
    Shape::GreyRegion(40),
    Shape::GreyEverywhere(5),
    Shape::GreyEverywhere(20),
    Shape::GreyEverywhere(40),
    Shape::Slow,
    Shape::Flapping(2_000),
    Shape::Flapping(6_000),
    Shape::Flapping(16_000),
    Shape::Flapping(40_000),
    Shape::Flapping(60_000),
    Shape::Uplink,
    Shape::SharedUplink,
    Shape::ApiServerOnly,
    Shape::GatewayOnly,
    Shape::AllRestart,
];

/// What a probe is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) member: usize,
    pub(crate) session: bool,
}

/// Numbers that are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// A shape with what was drawn for it.
pub(crate) struct Network {
    pub(crate) shape: Shape,
    /// When the second region is slow: from, until.
    slow: Vec<(u64, u64)>,
    /// When each member restarts: from, until.
    restarts: Vec<(u64, u64)>,
}

impl Network {
    pub(crate) fn new(shape: Shape, draw: &mut Draw) -> Self {
        let (mut slow, mut at) = (Vec::new(), BEGIN_MS);
        while at < END_MS {
            let until = at + 1_000 + draw.below(5_000);
            slow.push((at, until));
            at = until + 5_000 + draw.below(15_000);
        }
        let restarts = MEMBERS.map(|_| {
            let from = BEGIN_MS + draw.below(5_000);
            (from, from + 15_000 + draw.below(30_000))
        });
        Self {
            shape,
            slow,
            restarts: restarts.to_vec(),
        }
    }

    /// Whether an attempt of an observer on a target is answered.
    pub(crate) fn answers(
        &self,
        at: u64,
        observer: usize,
        target: Target,
        draw: &mut Draw,
    ) -> bool {
        let lost = draw.below(100);
        if at < BEGIN_MS {
            return true;
        }
        let (from, to) = (OBSERVERS[observer], MEMBERS[target.member]);
        let outside = from != to;
        let touches = |region: usize| outside && (from == region || to == region);
        let up = |(down_from, down_until): &(u64, u64)| !(down_from..down_until).contains(&&at);
        match self.shape {
            Shape::Calm | Shape::ApiServerOnly => true,
            Shape::RegionDark => !touches(1),
            Shape::ZoneDark => target.member != 4,
            Shape::Pair => !(touches(0) && touches(1)),
            Shape::OneWay => !(from == 0 && to == 1),
            Shape::GreyRegion(percent) => !(outside && to == 1) || lost >= percent,
            Shape::GreyEverywhere(percent) => !outside || lost >= percent,
            Shape::Slow => !(outside && to == 1) || self.slow.iter().all(up) || lost >= 80,
            Shape::Flapping(period) => !touches(1) || (at - BEGIN_MS) % period >= period / 2,
            Shape::Uplink => !(outside && from == 1),
            Shape::SharedUplink => !(outside && from == 0),
            Shape::GatewayOnly => target.session || target.member != 2,
            Shape::AllRestart => self.restarts.get(target.member).is_none_or(up),
        }
    }

    /// Members that are lost, and have to be found so.
    pub(crate) fn lost_members(&self) -> &'static [usize] {
        match self.shape {
            Shape::RegionDark => &[1, 4],
            Shape::ZoneDark => &[4],
            _ => &[],
        }
    }

    /// Members whose gateways are lost, and have to be found so.
    pub(crate) fn lost_gateways(&self) -> &'static [usize] {
        match self.shape {
            Shape::GatewayOnly => &[2],
            _ => self.lost_members(),
        }
    }

    /// Whether it is right either way to take a member for lost: it is gone for longer than the hold, and comes back.
    pub(crate) fn either(&self, member: usize) -> bool {
        matches!(self.shape, Shape::Flapping(period) if period / 2 > 12_000) && MEMBERS[member] == 1
    }
}
